// graphql-sse: watches files over HTTP. When the connection ends, it comes again and goes on behind the last event.

import { createClient } from 'graphql-sse';
import { FILE_EVENTS, given, heard, say, turns } from './script.js';

const nextUrl = turns(given.urls);

const client = createClient({
  url: () => nextUrl(),
  headers: { Authorization: `Bearer ${given.token}` },
  retryAttempts: Infinity, // how long a server takes to start is not what is tested
  retry: () => new Promise((resolve) => setTimeout(resolve, 100)),
});

const variables = { after: null };

client.subscribe(
  { query: FILE_EVENTS, variables },
  {
    next({ data, errors }) {
      if (errors) return say({ refused: errors.map(({ extensions }) => extensions.code) });
      variables.after = data.fileEvents.cursor;
      return say(data.fileEvents);
    },
    error: (error) => say({ ended: error.message }),
    complete: () => say({ ended: 'complete' }),
  },
);

for await (const _ of heard()); // to the end of the test
