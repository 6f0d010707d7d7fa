// What an administrator does in GraphiQL, in a real browser to which no other host exists. After each step it says what is
// to be seen.

import { chromium, errors } from 'playwright-core';
import { given, say } from './script.js';

const { chromium: executablePath, profile, url, email, password, screenshot } = given;

// The resolver knows this machine only, and nothing is asked of the browser's maker.
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: [
    '--no-sandbox', // the tests may run as root
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
  viewport: { width: 1500, height: 900 },
});
browser.setDefaultTimeout(180_000); // of a busy machine
const page = browser.pages()[0];
const strangers = [];
const problems = [];
page.on('request', (request) => {
  if (new URL(request.url()).origin !== new URL(url).origin) strangers.push(request.url());
});
page.on('pageerror', (error) => problems.push(error.message));
page.on('console', (message) => {
  if (message.type() === 'error') problems.push(message.text());
});

const answer = page.locator('.graphiql-response');

// JSON in an editor, which draws spaces that do not break and wraps what is too long for a line.
async function shown(editor) {
  const text = await editor.locator('.view-lines:visible').innerText();
  return JSON.parse(text.replaceAll('\u00a0', ' ').replaceAll(/\n */g, ''));
}

async function run() {
  await page.getByRole('button', { name: /^Execute query/ }).click();
}

async function example(name, title) {
  await page.getByRole('button', { name: title, exact: true }).click();
  await page.getByRole('tab', { name, selected: true }).waitFor();
}

async function signIn() {
  await page.getByRole('button', { name: 'Sign in' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('E-mail').fill(email);
  await dialog.getByLabel('Password').fill(`not ${password}`);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  const refusal = dialog.getByRole('alert').filter({ hasText: /\S/ });
  await refusal.waitFor();
  say({ refusal: await refusal.textContent() });
  await dialog.getByLabel('Password').fill(password);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.waitFor({ state: 'hidden' });
  const who = await name();
  const kept = await page.evaluate(() =>
    [localStorage, sessionStorage].map((store) => JSON.stringify(store).includes('eyJ')),
  );
  say({ who, kept });
}

async function paste() {
  await page.getByRole('button', { name: 'Sign in' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('or a token').fill(given.line);
  await dialog.getByRole('button', { name: 'Use the token' }).click();
  say({ pasted: await name() });
}

async function signOut() {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Not signed in').waitFor();
}

async function name() {
  const who = page.locator('.satchel-account').getByRole('status').filter({ hasNotText: /^(Not signed in)?$/ });
  await who.waitFor();
  return who.textContent();
}

async function query() {
  await run();
  await answer.getByText('remainingBytes').first().waitFor();
  say({ answer: await shown(answer) });
}

async function watch() {
  await page.getByRole('button', { name: 'Show Examples' }).click();
  await example('FileEvents', 'Watch files come and go');
  const asked = new Promise((resolve) => {
    page.once('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => JSON.parse(payload).type === 'subscribe' && resolve());
    });
  });
  await run();
  await asked;
}

async function upload() {
  await page.getByLabel('Files to upload').setInputFiles({
    name: given.file.name,
    mimeType: 'text/plain',
    buffer: Buffer.from(given.file.content),
  });
  const row = page.getByRole('list', { name: 'Uploads' }).getByRole('listitem').first();
  await row.getByText('Stored', { exact: true }).waitFor();
  return row;
}

async function files() {
  await page.getByRole('button', { name: 'Show Files' }).click();
  const row = await upload();
  await row.getByText('Answer').click();
  await row.getByRole('button', { name: 'Insert id' }).click();
  const opened = await page.request.get(await row.getByRole('link', { name: 'Open' }).getAttribute('href'));
  say({
    uploaded: JSON.parse(await row.locator('pre').textContent()),
    opened: await opened.text(),
    variables: await shown(page.getByRole('region', { name: /^Variables/ })),
  });
}

async function event() {
  // A subscription says nothing when it begins: on a busy machine it may begin after the first upload.
  const arrived = answer.getByText('"UPLOADED"', { exact: true });
  for (let missed = true; missed; ) {
    missed = await arrived.waitFor({ timeout: 5000 }).then(
      () => false,
      (error) => (error instanceof errors.TimeoutError ? true : Promise.reject(error)),
    );
    if (missed) await upload();
  }
  say({ event: await shown(answer) });
}

await page.goto(url);
await signIn();
await query();
await watch();
await files();
await event();
await page.screenshot({ path: screenshot });
await page.getByRole('button', { name: /^Stop/ }).click();
await signOut();
await paste();
await signOut();
say({ strangers, problems, token: await page.evaluate(() => sessionStorage.getItem('satchel:token')) });
await browser.close();
process.exit();
