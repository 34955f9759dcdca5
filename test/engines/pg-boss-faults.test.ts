import { pgBoss } from '../../src/engines/pg-boss.ts'
import { postgresUrl, startPostgres } from '../support/postgres.ts'
import { freshSchema, Tables } from './boss.ts'
import { describeFaults } from './fault-contract.ts'

const states = { created: 'pending', retry: 'pending', active: 'running', completed: 'done', failed: 'failed' } as const

describeFaults({
  name: 'pg-boss',
  startServer: startPostgres,
  place: () => ({ schema: freshSchema() }),
  url: postgresUrl,
  engine: ({ url, schema = '' }) => pgBoss({ connectionString: url, schema }),
  async calls({ url, schema = '' }, job) {
    await using tables = new Tables(url, schema)
    const found = await tables.calls(job)
    return found.map(({ id, state, data }) => ({ id, state: states[state as keyof typeof states], args: data.args }))
  },
  async endConnections({ url, schema = '' }) {
    await using tables = new Tables(url, schema)
    await tables.boss.start()
    const ours = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'pgboss'`
    await tables.boss.getDb().executeSql(ours)
  },
})
