import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import type { EngineName } from './contender.ts'
import { ofBench } from './engine-table.ts'

/** The numbers of the server of an engine. */
interface ServerUsage {
  /** CPU time of all its processes since it started, in ms. */
  readonly cpu: number
  /** Connections, without those of the benchmark. */
  readonly connections: number
  /** Bytes that it has written to its log. */
  readonly logged: number
}

/** Opens what looks at the server of an engine. */
export async function watchServer(engine: EngineName, url: string): Promise<ServerWatch> {
  return engine === 'bullmq' ? watchRedis(url) : watchPostgres(url)
}

type ServerWatch = AsyncDisposable & { usage(): Promise<ServerUsage> }

async function watchRedis(url: string): Promise<ServerWatch> {
  const client = new Redis(url, { connectionName: ofBench })
  const info = async (section: string, name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await client.info(section))?.[1])
  const pid = await info('server', 'process_id')
  return {
    async usage() {
      const list = (await client.client('LIST')) as string
      const connections = list.split('\n').filter((line) => line !== '' && !line.includes(`name=${ofBench} `)).length
      return { cpu: cpuOf(pid), connections, logged: await info('persistence', 'aof_current_size') }
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
    },
  }
}

async function watchPostgres(url: string): Promise<ServerWatch> {
  const client = new Client({ connectionString: url, application_name: ofBench })
  await client.connect()
  const one = async (sql: string) => Number((await client.query(sql)).rows[0].value)
  // Each connection has a process, whose parent is the server.
  const server = Number(fieldsOf(await one('SELECT pg_backend_pid() AS value'))[1])
  return {
    async usage() {
      return {
        cpu: cpuOf(server) + childrenOf(server).reduce((sum, pid) => sum + cpuOf(pid), 0),
        connections: await one(
          `SELECT count(*) AS value FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> '${ofBench}'`,
        ),
        logged: await one(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS value`),
      }
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

/** The time of a tick of the kernel, in ms. */
const tick = 10

/** CPU time of a process, and of those of its children that have ended, in ms. */
function cpuOf(pid: number): number {
  try {
    const ticks = fieldsOf(pid).slice(11, 15).map(Number)
    return tick * ticks.reduce((sum, value) => sum + value, 0)
  } catch {
    // Ended meanwhile: its parent has its time from now on.
    return 0
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && Number(fieldsOf(pid)[1]) === parent
      } catch {
        return false
      }
    })
}

/** The fields of `/proc/<pid>/stat`, from the state on: before it is the name, which may have spaces. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function fieldsOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}
