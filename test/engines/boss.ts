import { PgBoss } from 'pg-boss'
import { queueName } from '../../src/engines/queue-name.ts'
import type { StoredCall } from '../../src/engines/stored-call.ts'

/** The tables of pg-boss, as its own class sees them. */
export class Tables implements AsyncDisposable {
  readonly boss: PgBoss

  constructor(connectionString: string, schema: string) {
    this.boss = new PgBoss({ connectionString, schema, supervise: false, schedule: false, migrate: false })
    this.boss.on('error', () => {})
  }

  /** The calls of a job, by their state. */
  async calls(job: string, version = 1) {
    await this.boss.start()
    const found = await this.boss.findJobs<StoredCall>(queueName(job, version))
    return found.map(({ id, state, data, output, retryCount, startAfter }) => ({
      id,
      state,
      data,
      output: output as { error?: string } | null,
      retryCount,
      startAfter,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.boss.stop({ graceful: false })
  }
}

let schemas = 0

/** The name of a schema that no other test has. */
export function freshSchema(): string {
  return `test_${process.pid}_${++schemas}`
}
