import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import { getOperationAST, parse, type ExecutionResult } from "graphql";
import { createClient } from "graphql-ws";
import { session, signOut } from "./session";

/** The endpoint is the address of the page itself, wherever a proxy has put it. */
export const ENDPOINT = new URL(location.pathname, location.href);

/** A GraphQL answer. */
export type Answer<Data = Record<string, unknown>> = ExecutionResult<Data>;

/** How GraphiQL runs what stands in its editor: subscriptions over WebSocket, the rest over HTTP. */
export const fetcher: Fetcher = (params, options) => {
  const headers = withToken(options?.headers as Record<string, string> | undefined);
  const operation = getOperationAST(parse(params.query), params.operationName) ?? getOperationAST(parse(params.query));
  // For a moment after a tab was opened GraphiQL still has the name of the last one's operation.
  const settled = { ...params, operationName: operation?.name?.value ?? params.operationName };
  return operation?.operation === "subscription" ? subscription(settled, headers) : post(settled, headers);
};

/** Run an operation of this page's own. Throws an Error that says what the server says is wrong. */
export async function ask<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
  const answer = (await post({ query, variables }, withToken())) as Answer<Data>;
  const problem = answer.errors?.[0]?.message;
  if (problem !== undefined || answer.data == null) throw new Error(problem ?? "The server gave no answer.");
  return answer.data;
}

/** The session ends here when the server no longer takes its token. */
export function heed(answer: Answer<unknown>, headers: Headers): void {
  // A wrong password, or an identity provider that is away, say nothing of the token.
  const refused = answer.errors?.some(
    ({ extensions }) =>
      extensions?.["code"] === "UNAUTHENTICATED" && ["expired", "invalid"].includes(String(extensions["reason"])),
  );
  const token = session().token;
  if (refused && token !== null && headers.get("Authorization") === bearer(token)) {
    signOut("The token is not valid any more.");
  }
}

/** These headers and, unless they bring their own, the session's token. */
export function withToken(given: Record<string, string> = {}): Headers {
  const headers = new Headers(given);
  const { token } = session();
  if (token !== null && !headers.has("Authorization")) headers.set("Authorization", bearer(token));
  return headers;
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

async function post(params: FetcherParams, headers: Headers): Promise<Answer> {
  headers.set("Content-Type", "application/json");
  headers.set("Accept", "application/graphql-response+json, application/json;q=0.9");
  const body = JSON.stringify(params);
  const response = await fetch(ENDPOINT, { method: "POST", headers, body, credentials: "omit" });
  const answer = (await response.json().catch(() => {
    throw new Error(`The server answered ${response.status} ${response.statusText}.`);
  })) as Answer;
  heed(answer, headers);
  return answer;
}

/** One socket for each subscription that runs, so that each has the token of the moment it was started. */
function subscription(params: FetcherParams, headers: Headers): AsyncIterableIterator<Answer> {
  const authorization = headers.get("Authorization");
  const client = createClient({
    url: Object.assign(new URL(ENDPOINT), { protocol: ENDPOINT.protocol.replace("http", "ws") }).href,
    connectionParams: authorization === null ? {} : { Authorization: authorization },
    retryAttempts: 3,
  });
  const events = client.iterate({
    query: params.query,
    variables: params.variables as Record<string, unknown>,
    operationName: params.operationName ?? undefined,
  });
  return {
    next: () =>
      events.next().catch((reason: unknown) => Promise.reject(readable(reason))) as Promise<IteratorResult<Answer>>,
    // Not a generator around it: that would end only with the next event, and this ends at once.
    return: () => events.return?.() as Promise<IteratorResult<Answer>>,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function readable(reason: unknown): Error {
  if (reason instanceof CloseEvent) return new Error(`The connection was closed: ${reason.reason || reason.code}.`);
  if (Array.isArray(reason)) {
    return new Error((reason as { message: string }[]).map(({ message }) => message).join(" "));
  }
  return reason instanceof Error ? reason : new Error("The connection failed.");
}
