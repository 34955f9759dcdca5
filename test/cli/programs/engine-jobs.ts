import { pgBoss } from '../../../src/engines/pg-boss.ts'
import { configure, job } from '../../../src/index.ts'

// A module for `afterword work` whose jobs an engine keeps.
configure({ engine: pgBoss({ connectionString: process.env.JOBS_URL }) })

job('say', (what: string) => console.log(`said ${what}`))
