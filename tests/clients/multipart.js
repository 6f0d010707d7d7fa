// Apollo Client with the multipart subscriptions that its HttpLink speaks by itself: watches files over HTTP.

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { FILE_EVENTS, given, heard, say } from './script.js';

const client = new ApolloClient({
  link: new HttpLink({ uri: given.url, headers: { Authorization: `Bearer ${given.token}` } }),
  cache: new InMemoryCache(),
});

client.subscribe({ query: gql(FILE_EVENTS), errorPolicy: 'all' }).subscribe({
  next: ({ data, error }) => say(error ? { refused: error.errors.map(({ extensions }) => extensions.code) } : data.fileEvents),
  error: (error) => say({ ended: error.message }),
  complete: () => say({ ended: 'complete' }),
});

for await (const _ of heard()); // to the end of the test
