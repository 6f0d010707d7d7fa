// Relay's runtime with what its compiler has made of relay/FileList.js: a page, the next page through node(id:), a deletion.

import { createRequire } from 'node:module';
import relay from 'relay-runtime';
import { given, say } from './script.js';

const { ConnectionHandler, Environment, Network, RecordSource, Store } = relay;
const { commitMutation, createOperationDescriptor, fetchQuery, getSingularSelector } = relay;

const compiled = createRequire(given.artefacts);
const query = compiled('./FileListQuery.graphql');
const nextPageQuery = compiled('./FileListNextPageQuery.graphql');
const fragment = compiled('./FileList_user.graphql');
const deletion = compiled('./FileListDeletionMutation.graphql');

async function send({ text }, variables) {
  const response = await fetch(given.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${given.token}` },
    body: JSON.stringify({ query: text, variables }),
  });
  return response.json();
}

const environment = new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });
environment.retain(createOperationDescriptor(query, {}));

const { me } = await fetchQuery(environment, query, {}).toPromise();
const read = () => environment.lookup(getSingularSelector(fragment, me)).data;
const names = () => read().files.edges.map(({ node }) => node.name);

const firstPage = names();
const { endCursor } = read().files.pageInfo;
await fetchQuery(environment, nextPageQuery, { id: read().id, first: 2, after: endCursor }).toPromise();
const bothPages = names();

await new Promise((onCompleted, onError) => {
  const connections = [ConnectionHandler.getConnectionID(read().id, 'FileList_files', { orderBy: 'NAME_ASC' })];
  const variables = { id: read().files.edges[0].node.id, connections };
  commitMutation(environment, { mutation: deletion, variables, onCompleted, onError });
});

say({ firstPage, bothPages, hasNextPage: read().files.pageInfo.hasNextPage, afterDeletion: names() });
