// What tools learn of the schema by asking the server: introspection as graphql-js, GraphiQL and code generators ask it.

import { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from 'graphql';
import { given, say } from './script.js';

const query = getIntrospectionQuery({
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
});
const response = await fetch(given.url, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ query }),
});
const { data, errors } = await response.json();

say({ errors: errors ?? null, schema: errors ? null : printSchema(lexicographicSortSchema(buildClientSchema(data))) });
