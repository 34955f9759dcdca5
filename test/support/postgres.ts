import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Account, Daemon } from './daemon.ts'

/** The folder of each version on Debian; elsewhere the commands are in the PATH. */
const versions = '/usr/lib/postgresql'
const missing = 'On Debian: apt-get install postgresql'

/** A Postgres of its own, with the settings that it is delivered with: each commit is synced. */
export async function startPostgres(): Promise<Daemon> {
  const account = ownAccount()
  return Daemon.start({
    command: commandPath('postgres'),
    args: (port, folder) => ['-D', folder, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
    prepare: (folder) => initialise(folder, account),
    ready: /ready to accept connections/,
    missing,
    // It ends at once: nobody will read its data again.
    stop: 'SIGQUIT',
    account,
  })
}

/** A database for tests that let it live: that of `AFTERWORD_TEST_POSTGRES_URL`, or a Postgres of its own. */
export async function testPostgres(): Promise<{ readonly url: string } & AsyncDisposable> {
  const url = process.env.AFTERWORD_TEST_POSTGRES_URL
  if (url) return { url, async [Symbol.asyncDispose]() {} }
  const daemon = await startPostgres()
  return { url: postgresUrl(daemon), [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
}

/** The URL of the database that is always there. */
export function postgresUrl({ port }: Pick<Daemon, 'port'>): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}

async function initialise(folder: string, account: Account): Promise<void> {
  const args = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  const options = { ...account, cwd: folder }
  await promisify(execFile)(commandPath('initdb'), [`--pgdata=${folder}`, ...args], options).catch((cause) => {
    throw new Error(`initdb failed. ${cause.code === 'ENOENT' ? missing : cause.stderr}`, { cause })
  })
}

function commandPath(name: string): string {
  const all = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(a) - Number(b)) : []
  const paths = all.map((version) => join(versions, version, 'bin', name)).filter((path) => existsSync(path))
  return paths.at(-1) ?? name
}

/** The user that runs Postgres, which refuses root: its package has made one. */
function ownAccount(): Account {
  if (process.getuid?.() !== 0) return {}
  const id = (kind: '-u' | '-g') =>
    Number(execFileSync('id', [kind, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch (cause) {
    throw new Error(`Postgres does not run as root, and there is no user "postgres". ${missing}`, { cause })
  }
}
