// What the Relay compiler is given: a user's files as a connection. It writes the query for the next page itself.

import { graphql } from 'relay-runtime';

export const fragment = graphql`
  fragment FileList_user on User
  @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" })
  @refetchable(queryName: "FileListNextPageQuery") {
    name
    files(orderBy: NAME_ASC, first: $first, after: $after) @connection(key: "FileList_files") {
      edges { node { id name sizeBytes } }
    }
  }
`;

export const query = graphql`
  query FileListQuery { me { ...FileList_user } }
`;

export const deletion = graphql`
  mutation FileListDeletionMutation($id: ID!, $connections: [ID!]!) {
    deleteFile(input: { id: $id }) { file { id @deleteEdge(connections: $connections) status } }
  }
`;
