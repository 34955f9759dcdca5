import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Message } from '../support/program.ts'
import { asAnybody, unshare, works } from './command.ts'
import { Host } from './host.ts'

const mounted = unshare('--mount')
/** In a mount namespace of its own, where the folder is read-only. */
const readOnly = (folder: string) => [
  ...mounted,
  ...['sh', '-c', 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"', folder],
]

/** Calls `configure`. @returns the error that it throws */
async function refusal(host: Host, under: readonly string[]): Promise<Message> {
  const server = host.launch('refused', { under })
  const began = server.listening.then(() => Promise.reject(new Error('It began')))
  return Promise.race([server.program.message('refused'), began])
}

const refused = (host: Host) => ({
  code: 'AFTERWORD_JOURNAL_FOLDER',
  message: expect.stringContaining(`The journal "${host.journal}" can't be opened.`),
  // Node says ENOENT where a file system is read-only: https://github.com/nodejs/node/issues/47098
  cause: expect.stringMatching(/readonly|unable to open|EACCES|ENOENT|EROFS/),
})

/** A folder in which a process has worked, and left a record. */
async function used(host: Host): Promise<void> {
  await using server = await host.start('before')
  // The thread has made the shared database: it forwards what is due later.
  await server.keep('/wait/left', '/note/soon?delay=1')
  await host.ledger.run('soon')
}

test('configure({ journal }) refuses a folder that can not be made', async () => {
  await using host = new Host()
  chmodSync(host.folder, 0o555)
  expect(await refusal(host, asAnybody())).toMatchObject(refused(host))
})

test('configure({ journal }) refuses an empty folder that may not be written to', async () => {
  await using host = new Host()
  mkdirSync(host.journal, { mode: 0o555 })
  expect(await refusal(host, asAnybody())).toMatchObject(refused(host))
})

test('configure({ journal }) refuses a used folder that may not be written to', async () => {
  await using host = new Host()
  await used(host)
  for (const file of readdirSync(host.journal)) chmodSync(join(host.journal, file), 0o444)
  chmodSync(host.journal, 0o555)
  expect(await refusal(host, asAnybody())).toMatchObject(refused(host))
})

test.skipIf(!works([...mounted, 'true'])).each(['new', 'used'])(
  'configure({ journal }) refuses a file system that is mounted read-only: %s',
  async (age) => {
    await using host = new Host()
    if (age === 'used') await used(host)
    expect(await refusal(host, readOnly(host.folder))).toMatchObject(refused(host))
  },
)

test.skipIf(!works([...mounted, 'true']))(
  'configure({ journal: { required: false } }) lets the app start on a file system that is mounted read-only, and refuses jobs',
  async () => {
    await using host = new Host()
    await used(host)
    const server = await host.start('started', { under: readOnly(host.journal), env: { REQUIRED: 'false' } })
    expect(await server.ask('/note/refused')).toBe(503)
    expect(server.troubles.join('\n')).toContain('AFTERWORD_JOURNAL_FOLDER')
    await server.kill()
  },
)

test('configure({ journal }) refuses used files that may not be written to', async () => {
  await using host = new Host()
  await used(host)
  for (const file of readdirSync(host.journal)) chmodSync(join(host.journal, file), 0o444)
  expect(await refusal(host, asAnybody())).toMatchObject(refused(host))
})

// SQLite opens a file that may not be written to for reading only, and then `BEGIN EXCLUSIVE` succeeds without any lock.
test('a lock file that may not be written to: no process takes it for its lock, but another slot', async () => {
  await using host = new Host()
  await (await host.start('before', { under: asAnybody() })).close()
  for (const file of readdirSync(host.journal)) {
    if (file.endsWith('.lock')) chmodSync(join(host.journal, file), 0o444)
  }
  const one = await host.start('one', { under: asAnybody() })
  await one.keep('/wait/of-one')
  await host.ledger.run('of-one')
  const two = await host.start('two', { under: asAnybody() })
  await host.looked(two, { under: asAnybody() })
  expect(host.ledger.of('of-one').map(({ by }) => by)).toEqual(['one'])
})

test("a folder that becomes read-only: the release of a dead process's slot, and close(), end in order", async () => {
  await using host = new Host()
  const before = await host.start('before')
  await before.keep('/wait/left')
  await host.ledger.run('left')
  await before.kill()
  const after = await host.start('after', { under: asAnybody() })
  await host.ledger.run('left', ({ by }) => by === 'after')
  chmodSync(host.journal, 0o555)
  host.release()
  await host.ledger.run('left', ({ by, ended }) => by === 'after' && ended !== undefined)
  await after.close()
  expect(await after.program.exited).toEqual({ code: 0, signal: null })
  expect(after.reports).toEqual([])
})
