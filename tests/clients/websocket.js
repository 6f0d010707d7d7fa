// graphql-ws: watches files. When the connection ends, it comes again with a new token and goes on behind the last event.

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { FILE_EVENTS, given, heard, say, turns } from './script.js';

const answers = heard();
const nextUrl = turns(given.urls);

async function newToken() {
  say({ wants: 'token' });
  return (await answers.next()).value;
}

const client = createClient({
  url: () => nextUrl().replace('http', 'ws'),
  webSocketImpl: WebSocket, // Node has one of its own from version 22
  connectionParams: async () => ({ token: await newToken() }),
  retryAttempts: Infinity, // how long a server takes to start is not what is tested
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 100)),
});

// The same object is sent at every connection: what it says then is from where to go on.
const variables = { after: null };

client.subscribe(
  { query: FILE_EVENTS, variables },
  {
    next({ data: { fileEvents } }) {
      variables.after = fileEvents.cursor;
      say(fileEvents);
    },
    error: (reason) => say({ ended: Array.isArray(reason) ? reason.map(({ extensions }) => extensions.code) : reason.code }),
    complete: () => say({ ended: 'complete' }),
  },
);
