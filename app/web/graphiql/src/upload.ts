import { ENDPOINT, heed, withToken, type Answer } from "./fetcher";

/** Where an upload goes, by ids; both may be left out. */
export interface Destination {
  readonly groupId: string;
  readonly assignmentId: string;
}

/** What the server tells of a file that has arrived. */
export interface Uploaded {
  readonly uploadFile: {
    readonly file: { readonly id: string; readonly name: string; readonly signedUrl: { readonly url: string } | null };
  } | null;
}

/** An upload on its way. */
export interface Transfer {
  /** The answer, errors of GraphQL included. Rejected when there is none: the network failed, or it was given up. */
  readonly answer: Promise<Answer<Uploaded>>;
  /** Give it up. */
  abort(): void;
}

const MUTATION = `mutation Upload($input: UploadFileInput!) {
  uploadFile(input: $input) {
    file { id name mimeType sizeBytes sha256 group { name } signedUrl(disposition: INLINE) { url expiresAt } }
    quota { usedBytes quotaBytes remainingBytes }
  }
}`;

/**
 * Send one file by the GraphQL multipart request specification. `onProgress` is told the bytes that have left.
 * (`fetch` cannot tell how far it is with sending, hence XMLHttpRequest.)
 */
export function upload(file: File, destination: Destination, onProgress: (sent: number) => void): Transfer {
  const request = new XMLHttpRequest();
  const headers = withToken({ Accept: "application/graphql-response+json, application/json;q=0.9" });
  const answer = new Promise<Answer<Uploaded>>((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => onProgress(Math.min(event.loaded, file.size)));
    request.addEventListener("error", () => reject(new Error("The connection broke off.")));
    request.addEventListener("abort", () => reject(new Error("Given up.")));
    request.addEventListener("load", () => {
      try {
        const body = JSON.parse(request.responseText) as Answer<Uploaded>;
        heed(body, headers);
        resolve(body);
      } catch {
        reject(new Error(`The server answered ${request.status} ${request.statusText}.`));
      }
    });
  });
  request.open("POST", ENDPOINT);
  headers.forEach((value, name) => request.setRequestHeader(name, value));
  request.send(form(file, destination));
  return { answer, abort: () => request.abort() };
}

function form(file: File, { groupId, assignmentId }: Destination): FormData {
  const input = {
    file: null,
    ...(groupId && { groupId }),
    ...(assignmentId && { entityType: "SUBMISSION_FILE", entityId: assignmentId }),
  };
  const body = new FormData(); // the order is the specification's: the file comes last
  body.append("operations", JSON.stringify({ query: MUTATION, variables: { input } }));
  body.append("map", JSON.stringify({ 0: ["variables.input.file"] }));
  body.append("0", file, file.name);
  return body;
}
