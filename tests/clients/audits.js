// The audits of GraphQL over HTTP that the reference implementation brings with it.

import { auditServer } from 'graphql-http';
import { given, say } from './script.js';

const results = await auditServer({ url: given.url });

say(results.map(({ id, name, status, reason }) => ({ id, name, status, reason: reason ?? null })));
