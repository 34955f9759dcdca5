import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Host } from './host.ts'
import type { Server } from './server.ts'

/** Asks them until so many have been answered. */
async function load(servers: readonly Server[], enough: number): Promise<Set<string>> {
  const answered = new Set<string>()
  const client = async (server: Server, i: number) => {
    for (let n = 0; answered.size < enough; n++) {
      const what = `${server.name}-${i}-${n}`
      const path = n % 10 === 0 ? `/wait/${what}` : `/note/${what}${n % 3 === 0 ? '?delay=0' : ''}`
      if ((await server.ask(path)) === 200) answered.add(what)
    }
  }
  const clients = servers.flatMap((server) => [0, 1, 2, 3].map((i) => client(server, i)))
  // The others are amid a request then.
  await Promise.race(clients)
  return new Set(answered)
}

// What a power cut leaves behind that comes after all was written: nobody holds a lock, and the files of the WAL are there.
test.each(['with', 'without'])('after a reboot, %s the shared memory files, all accepted jobs run', async (shared) => {
  await using host = new Host()
  const servers = [await host.start('one'), await host.start('two')]
  const answered = await load(servers, 300)
  await Promise.all(servers.map((server) => server.stop()))
  const before = host.ledger.ended
  await using after = new Host()
  cpSync(host.journal, after.journal, { recursive: true })
  const files = readdirSync(after.journal)
  expect(files.filter((file) => file.endsWith('-wal')).length).toBeGreaterThan(0)
  for (const file of files) if (shared === 'without' && file.endsWith('-shm')) rmSync(join(after.journal, file))

  await after.start('next')
  after.release()
  await after.emptied()
  const { ended } = after.ledger
  expect([...answered].filter((what) => !before.has(what) && !ended.has(what))).toEqual([])
  expect(ended.size).toBeGreaterThan(0)
})

test('no property of the boot or the process is stored', async () => {
  await using host = new Host()
  const server = await host.start('one')
  await server.keep('/wait/running', '/wait/dispatched?delay=0')
  await Promise.all([host.ledger.run('running'), host.ledger.run('dispatched')])
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  const digits = boot.replaceAll('-', '')
  const forms = [boot, digits, Buffer.from(digits, 'hex').toString('latin1')]
  for (const file of readdirSync(host.journal)) {
    const bytes = readFileSync(join(host.journal, file), 'latin1')
    expect(forms.filter((form) => bytes.includes(form))).toEqual([])
  }
})
