// Apollo's automatic persisted queries: a document's hash at first, the document only to a server that does not know it.

import { createHash } from 'node:crypto';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { given, say } from './script.js';

const sent = [];

async function recordingFetch(url, options) {
  const response = await fetch(url, options);
  const { query } = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(url).searchParams);
  sent.push({ method: options.method, document: query !== undefined, status: response.status });
  return response;
}

const hashed = new PersistedQueryLink({
  sha256: (document) => createHash('sha256').update(document).digest('hex'),
  useGETForHashedQueries: true,
});
const http = new HttpLink({ uri: given.url, headers: { Authorization: `Bearer ${given.token}` }, fetch: recordingFetch });
const client = new ApolloClient({ link: hashed.concat(http), cache: new InMemoryCache() });

const names = [];
for (let turn = 0; turn < 2; turn += 1) {
  const { data } = await client.query({ query: gql`query WhoAmI { me { name } }`, fetchPolicy: 'network-only' });
  names.push(data.me.name);
}

say({ names, sent });
client.stop();
