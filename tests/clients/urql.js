// urql, which asks for five media types at once and uploads files by itself: query by GET and by POST, upload, page, refusal.

import { Client, fetchExchange, gql } from '@urql/core';
import { given, say } from './script.js';

const sent = [];

const client = new Client({
  url: given.url,
  exchanges: [fetchExchange],
  fetchOptions: { headers: { Authorization: `Bearer ${given.token}` } },
  async fetch(url, options) {
    const response = await fetch(url, options);
    const accepts = new Headers(options.headers).get('accept');
    sent.push({ method: options.method, accepts, status: response.status, type: response.headers.get('content-type') });
    return response;
  },
});

const UPLOAD = gql`
  mutation Upload($file: Upload!) { uploadFile(input: { file: $file }) { file { name sizeBytes } } }
`;
const FILES = gql`
  query Files($first: Int!, $after: String) {
    files(orderBy: NAME_ASC, first: $first, after: $after) {
      nodes { name }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const ME = gql`query Me { me { name quota { usedBytes } } }`;

async function dataOf(operation) {
  const { data, error } = await operation.toPromise();
  if (error) throw error;
  return data;
}

for (const name of ['a.txt', 'b.txt', 'c.txt']) {
  await dataOf(client.mutation(UPLOAD, { file: new File([name], name) }));
}

const pages = [];
let page = { hasNextPage: true, endCursor: null };
while (page.hasNextPage) {
  const { files } = await dataOf(client.query(FILES, { first: 2, after: page.endCursor }));
  pages.push(files.nodes.map(({ name }) => name));
  page = files.pageInfo;
}

const byGet = await dataOf(client.query(ME, {}));
const byPost = await dataOf(client.query(ME, {}, { preferGetMethod: false }));
const { error } = await client.query(FILES, { first: -1 }).toPromise();

say({ pages, byGet, byPost, code: error.graphQLErrors[0].extensions.code, sent });
