import { Button, type GraphiQLPlugin } from "@graphiql/react";
import { useCallback, useId, useRef, useState, type DragEvent } from "react";
import { useInsertId } from "./editors";
import { usePlaces, type Place } from "./places";
import { useSession } from "./session";
import { useUploads, type Upload } from "./uploads";

/** Uploads files, one after the other, and shows what the server says of each. */
function Files() {
  const { token } = useSession();
  const places = usePlaces(token);
  const [groupId, setGroupId] = useState("");
  const [assignmentId, setAssignmentId] = useState("");
  const { uploads, add, cancel } = useUploads();
  const insert = useInsertId();
  const send = useCallback(
    (files: Iterable<File>) => add(files, { groupId: groupId.trim(), assignmentId: assignmentId.trim() }),
    [add, groupId, assignmentId],
  );
  return (
    <section className="satchel-panel" aria-label="Files">
      <h2>Files</h2>
      {token === null && <p>Sign in to upload files.</p>}
      <IdField label="Group" value={groupId} onChange={setGroupId} places={places.groups} />
      <IdField
        label="Submission to the assignment"
        value={assignmentId}
        onChange={setAssignmentId}
        places={places.assignments}
      />
      <Chooser disabled={token === null} onFiles={send} />
      <ul className="satchel-uploads" aria-label="Uploads">
        {uploads.map((upload) => (
          <Row key={upload.key} upload={upload} onCancel={cancel} onInsert={insert} />
        ))}
      </ul>
    </section>
  );
}

interface IdFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly places: readonly Place[];
}

/** Takes any id, and offers those of places that the person is in. */
function IdField({ label, value, onChange, places }: IdFieldProps) {
  const list = useId();
  return (
    <label>
      {label} <small>(optional)</small>
      <input
        list={list}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        placeholder="id"
        autoComplete="off"
        spellCheck={false}
      />
      <small className="satchel-place">{places.find(({ id }) => id === value)?.name}</small>
      <datalist id={list}>
        {places.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </datalist>
    </label>
  );
}

function Chooser({ disabled, onFiles }: { disabled: boolean; onFiles: (files: Iterable<File>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);

  function take(files: FileList | null | undefined): void {
    setOver(false);
    if (files && !disabled) onFiles([...files]);
    if (input.current) input.current.value = ""; // so that the same file can be chosen again
  }

  function drag(event: DragEvent, isOver: boolean): void {
    event.preventDefault();
    setOver(isOver && !disabled);
  }

  return (
    <div
      className={over ? "satchel-drop over" : "satchel-drop"}
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) => drag(event, false)}
      onDrop={(event) => {
        event.preventDefault();
        take(event.dataTransfer.files);
      }}
    >
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={(event) => take(event.target.files)}
      />
      <Button type="button" state="success" disabled={disabled} onClick={() => input.current?.click()}>
        Choose files …
      </Button>
      <span>or drop them here</span>
    </div>
  );
}

interface RowProps {
  readonly upload: Upload;
  readonly onCancel: (upload: Upload) => void;
  readonly onInsert: (id: string) => void;
}

function Row({ upload, onCancel, onInsert }: RowProps) {
  const { name, size, sent, state, id, url, answer } = upload;
  const going = state === "waiting" || state === "sending";
  return (
    <li className={`satchel-upload ${state}`}>
      <div className="satchel-upload-name">
        <strong title={name}>{name}</strong> <small>{readableSize(size)}</small>
      </div>
      {going && <progress max={size || 1} value={sent} aria-label={`${name}: sent`} />}
      <div className="satchel-upload-state">
        <span role="status">{STATES[state]}</span>
        {going && (
          <Button type="button" onClick={() => onCancel(upload)}>
            Cancel
          </Button>
        )}
        {id !== null && (
          <Button
            type="button"
            title="Writes it where the cursor is, or into the variables"
            onClick={() => onInsert(id)}
          >
            Insert id
          </Button>
        )}
        {url !== null && (
          <a href={url} target="_blank" rel="noreferrer">
            Open
          </a>
        )}
      </div>
      {answer !== "" && (
        <details open={state === "failed"}>
          <summary>Answer</summary>
          <pre tabIndex={0}>{answer}</pre>
        </details>
      )}
    </li>
  );
}

const STATES = { waiting: "Waiting", sending: "Sending", done: "Stored", failed: "Not stored" } as const;

function readableSize(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path
        d="M12 16V4m0 0L7 9m5-5 5 5M4 15v4a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

export const FILES_PLUGIN: GraphiQLPlugin = { title: "Files", icon: Icon, content: Files };
