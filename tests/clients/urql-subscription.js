// urql without a WebSocket: its fetch exchange reads subscriptions as server-sent events.

import { Client, fetchExchange } from '@urql/core';
import { FILE_EVENTS, given, heard, say } from './script.js';

const client = new Client({
  url: given.url,
  exchanges: [fetchExchange],
  fetchOptions: { headers: { Authorization: `Bearer ${given.token}` } },
  fetchSubscriptions: true,
});

client.subscription(FILE_EVENTS, {}).subscribe(({ data, error }) => {
  say(error ? { refused: error.graphQLErrors.map(({ extensions }) => extensions.code) } : data.fileEvents);
});

for await (const _ of heard()); // to the end of the test
