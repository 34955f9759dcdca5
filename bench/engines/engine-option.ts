import type { AfterwordOptions } from 'afterword'
import { bullmq } from 'afterword/bullmq'
import { pgBoss } from 'afterword/pg-boss'
import type { Place } from './contender.ts'

/** The option `engine` for a place. */
export function engineOf({ engine, url, name }: Place): NonNullable<AfterwordOptions['engine']> {
  return engine === 'pg-boss'
    ? pgBoss({ connectionString: url, schema: name })
    : bullmq({ connection: url, prefix: name })
}
