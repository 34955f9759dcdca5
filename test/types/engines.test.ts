import { PgBoss } from 'pg-boss'
import { expectTypeOf, it } from 'vitest'
import { type Boss, type PgBossOptions, pgBoss } from '../../src/engines/pg-boss.ts'
import { type AfterwordOptions, configure, type EngineOption } from '../../src/index.ts'

it('pg-boss: an instance, and the options of its constructor, are what pgBoss() takes', () => {
  expectTypeOf<PgBoss>().toExtend<Boss>()
  expectTypeOf<{ connectionString: string; schema: string; monitorIntervalSeconds: number }>().toExtend<PgBossOptions>()
  expectTypeOf(pgBoss).returns.toEqualTypeOf<EngineOption>()
  expectTypeOf<AfterwordOptions['engine']>().toEqualTypeOf<EngineOption | undefined>()
})

// Checked by the compiler, never called.
function asUsersWriteIt() {
  configure({ engine: pgBoss({ connectionString: process.env.DATABASE_URL }) })
  configure({ engine: pgBoss(new PgBoss({ connectionString: 'postgres://localhost/app', useListenNotify: true })) })
  // @ts-expect-error: a connection string is one of the options
  pgBoss('postgres://localhost/app')
  // @ts-expect-error: the engine is what pgBoss() returns
  configure({ engine: 'pg-boss' })
}
void asUsersWriteIt
