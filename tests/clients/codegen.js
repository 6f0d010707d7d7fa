// graphql-codegen, as the build of a front end calls it: types of the schema, types of some documents, and the documents typed.

import { readFileSync, writeFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as typescript from '@graphql-codegen/typescript';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';
import { given, say } from './script.js';

const documents = given.documents.map((text, number) => ({ location: `${number}.graphql`, document: parse(text) }));
const schema = parse(readFileSync(given.schema, 'utf8'));

async function write(filename, plugins, config) {
  const names = Object.keys(plugins);
  const types = await codegen({
    filename,
    schema,
    documents,
    config: { ...config, strictScalars: true, scalars: given.scalars, importExtension: '.js' },
    plugins: names.map((name) => ({ [name]: {} })),
    pluginMap: plugins,
  });
  writeFileSync(filename, types);
  return types.length;
}

process.chdir(given.folder);
const characters = [
  await write('schema.ts', { typescript }, {}),
  await write('operations.ts', { typescriptOperations, typedDocumentNode }, { importSchemaTypesFrom: 'schema.ts' }),
];

say({ characters });
