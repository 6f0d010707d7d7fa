import { Button, Dialog, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { ask } from "./fetcher";
import { signInWith, signOut, tokenIn, useSession } from "./session";

interface Me {
  readonly name: string;
  readonly email: string | null;
  readonly isSystemAdmin: boolean;
}

const LOGIN = "mutation Login($input: LoginInput!) { login(input: $input) { token } }";
const ME = "{ me { name email isSystemAdmin } }";

/** Who is signed in, and the ways in and out. */
export function Account() {
  const { token, notice } = useSession();
  const me = useMe(token);
  const [open, setOpen] = useState(false);
  const { introspect } = useGraphiQLActions();
  const known = useRef(token);
  useEffect(() => {
    if (known.current !== token) void introspect(); // the schema may be shown to those only who are signed in
    known.current = token;
  }, [token, introspect]);
  return (
    <div className="satchel-account">
      <span role="status">{token === null ? (notice ?? "Not signed in") : me && who(me)}</span>
      {token === null ? (
        <Button type="button" state="success" onClick={() => setOpen(true)}>
          Sign in
        </Button>
      ) : (
        <Button type="button" onClick={() => signOut()}>
          Sign out
        </Button>
      )}
      <Dialog open={open} onOpenChange={setOpen}>
        <SignIn onDone={() => setOpen(false)} />
      </Dialog>
    </div>
  );
}

function SignIn({ onDone }: { onDone: () => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function attempt(event: FormEvent<HTMLFormElement>, enter: (form: FormData) => Promise<string>): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      signInWith(await enter(new FormData(event.currentTarget)));
      onDone();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  }

  return (
    <div className="satchel-sign-in">
      <div className="graphiql-dialog-header">
        <Dialog.Title className="graphiql-dialog-title">Sign in</Dialog.Title>
        <Dialog.Close />
      </div>
      <Dialog.Description>Kept in this tab only, and gone with it.</Dialog.Description>
      <form onSubmit={(event) => void attempt(event, withPassword)}>
        <label>
          E-mail
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <Button type="submit" state="success" disabled={busy}>
          Sign in
        </Button>
      </form>
      <form onSubmit={(event) => void attempt(event, withToken)}>
        <label>
          or a token
          <textarea
            name="token"
            rows={3}
            required
            spellCheck={false}
            placeholder="eyJ… or one of the lines that make run prints"
          />
        </label>
        <Button type="submit" disabled={busy}>
          Use the token
        </Button>
      </form>
      <p role="alert">{problem}</p>
    </div>
  );
}

async function withPassword(form: FormData): Promise<string> {
  const input = { email: form.get("email"), password: form.get("password") };
  return (await ask<{ login: { token: string } }>(LOGIN, { input })).login.token;
}

async function withToken(form: FormData): Promise<string> {
  const token = tokenIn(String(form.get("token")));
  if (token === null) throw new Error("This holds no token.");
  return Promise.resolve(token);
}

/** The person behind the token; null while that is not known. */
function useMe(token: string | null): Me | null {
  const [me, setMe] = useState<Me | null>(null);
  useEffect(() => {
    let current = true;
    setMe(null);
    if (token !== null) {
      ask<{ me: Me | null }>(ME).then(
        (answer) => current && setMe(answer.me),
        () => undefined, // a refused token has ended the session, and a network that is down shows in all that follows
      );
    }
    return () => {
      current = false;
    };
  }, [token]);
  return me;
}

function who(me: Me): string {
  return me.isSystemAdmin ? `${me.name}, system admin` : me.name;
}
