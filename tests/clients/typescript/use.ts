// A program with the types that graphql-codegen makes of the README's documents. It is compiled, never run.

import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import {
  FileEventsDocument,
  FileListDocument,
  MoreRoomForOneDocument,
  UploadDocument,
  WhyCanThisPupilNotUploadDocument,
  type FileListQuery,
} from './operations.js';
import { ErrorCode } from './schema.js';

const client = new ApolloClient({ link: new HttpLink({ uri: '/graphql' }), cache: new InMemoryCache() });

type Listed = NonNullable<FileListQuery['files']>['edges'][number]['node'];

export async function usedShare(email: string): Promise<number | null> {
  const { data } = await client.query({ query: WhyCanThisPupilNotUploadDocument });
  const found = data?.users?.nodes.find((user) => user.email === email);
  // BigInt is a number: these divide.
  return found?.quota ? found.quota.usedBytes / found.quota.quotaBytes : null;
}

export async function largest(): Promise<Listed | undefined> {
  const { data } = await client.query({ query: FileListDocument, variables: { first: 10 } });
  return data?.files?.edges.map(({ node }) => node).sort((a, b) => b.sizeBytes - a.sizeBytes)[0];
}

export async function upload(file: File): Promise<string | null> {
  try {
    const { data } = await client.mutate({ mutation: UploadDocument, variables: { file } });
    return data?.uploadFile?.file.id ?? null;
  } catch (error) {
    const codes = CombinedGraphQLErrors.is(error) ? error.errors.map(({ extensions }) => extensions?.code) : [];
    if (codes.includes(ErrorCode.QuotaExceeded)) return null;
    throw error;
  }
}

export function watch(seen: (name: string, sizeBytes: number | null) => void): void {
  client.subscribe({ query: FileEventsDocument }).subscribe(({ data }) => {
    if (data) seen(data.fileEvents.name ?? '', data.fileEvents.file?.sizeBytes ?? null);
  });
}

// What is wrong is refused.
// @ts-expect-error a variable that is needed is missing
void client.mutate({ mutation: MoreRoomForOneDocument, variables: {} });
// @ts-expect-error a file is no text
void client.mutate({ mutation: UploadDocument, variables: { file: 'homework.txt' } });
// @ts-expect-error sizes are no texts
export const shout = (file: Listed): string => file.sizeBytes.toUpperCase();
// @ts-expect-error what there may not be is null
export const link = (file: Listed): string => file.signedUrl.url;
