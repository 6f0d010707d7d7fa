// Apollo Client with apollo-upload-client: upload one file and several, rename, page through a list, read refusals.

import { ApolloClient, CombinedGraphQLErrors, InMemoryCache, gql } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { given, say } from './script.js';

const client = new ApolloClient({
  link: new UploadHttpLink({ uri: given.url, headers: { Authorization: `Bearer ${given.token}` } }),
  cache: new InMemoryCache({
    typePolicies: { Query: { fields: { files: relayStylePagination(['filter', 'orderBy']) } } },
  }),
});

const UPLOAD = gql`
  mutation Upload($input: UploadFileInput!) {
    uploadFile(input: $input) { file { id name sizeBytes mimeType sha256 } quota { usedBytes } }
  }
`;
const UPLOAD_ALL = gql`
  mutation UploadAll($files: [Upload!]!) {
    uploadFiles(input: { files: $files }) { results { file { name sizeBytes } errorCode errorDetails } }
  }
`;
const RENAME = gql`
  mutation Rename($id: ID!, $name: String!) { renameFile(input: { id: $id, name: $name }) { file { id name } } }
`;
const FILES = gql`
  query Files($after: String) {
    files(orderBy: NAME_ASC, first: 2, after: $after) {
      edges { cursor node { id name } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

const text = (content, name) => new File([content], name, { type: 'text/plain' });
const names = ({ files }) => files.edges.map(({ node }) => node.name);

async function refusalOf(operation) {
  try {
    return await operation;
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error)) throw error;
    return error.errors.map(({ extensions }) => extensions);
  }
}

const { data } = await client.mutate({ mutation: UPLOAD, variables: { input: { file: text('A dog.', 'dog.txt') } } });
const uploaded = data.uploadFile;

const several = await client.mutate({
  mutation: UPLOAD_ALL,
  variables: { files: [text('An ant.', 'ant.txt'), text('#!/bin/sh\n', 'run.sh'), text('A cat.', 'cät.txt')] },
});

// The answer to a mutation goes into the cache under the file's id, and so into every list that shows the file.
const firstPage = await client.query({ query: FILES });
await client.mutate({ mutation: RENAME, variables: { id: uploaded.file.id, name: 'zebra.txt' } });
const list = client.watchQuery({ query: FILES });
await list.fetchMore({ variables: { after: firstPage.data.files.pageInfo.endCursor } });
const bothPages = client.readQuery({ query: FILES });
const paged = { firstPage: names(firstPage.data), bothPages: names(bothPages) };

const tooLarge = await refusalOf(
  client.mutate({ mutation: UPLOAD, variables: { input: { file: text('x'.repeat(given.tooLarge), 'large.txt') } } }),
);
const unknown = await refusalOf(client.query({ query: gql`query Unknown { me { shoeSize } }` }));

say({ uploaded, several: several.data.uploadFiles.results, ...paged, tooLarge, unknown });
client.stop();
