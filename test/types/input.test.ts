import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { type InputOf, type Job, job, type OutputOf } from '../../src/index.ts'

const withZod = z.tuple([z.string(), z.coerce.date<string>()])
const withValibot = v.tuple([v.string(), v.pipe(v.string(), v.transform(Number))])
const withArk = type(['string', 'string.numeric.parse'])

// Checked by the compiler, never called: a wrong call must not compile.
function mustCompile() {
  const Zod = job('zod', (to, at) => [to.length, at.getTime()], { input: withZod })
  Zod.defer('a@b.c', '2026-01-01')
  // @ts-expect-error: the input is a text, whatever the handler gets
  Zod.defer('a@b.c', new Date())
  // @ts-expect-error: the argument is missing
  void Zod.dispatch('a@b.c')

  const Valibot = job('valibot', (_to: string, _n: number) => {}, { input: withValibot, key: (to) => to })
  Valibot.defer('a@b.c', '7')
  // @ts-expect-error: a number is no string
  Valibot.defer('a@b.c', 7)
  // @ts-expect-error: the schema makes no Date
  job('wrong', (_to: string, _at: Date) => {}, { input: withValibot })

  const Ark = job('arktype', (_to, n) => n + 1, { input: withArk, retries: 2 })
  Ark.defer('a@b.c', '7')
  // @ts-expect-error: a number is no string
  Ark.defer('a@b.c', 7)

  const Send = job('send', (_to: string, _copies?: number) => {}, { version: 2, upgrade: ([to]) => [to, 1] })
  job('keyed', (_to: string, _copies?: number) => {}, { key: (to) => to }).defer('a@b.c', 2)
  job('keyed by text', (_to: string, _copies?: number) => {}, { key: (to: string) => to }).defer('a@b.c', 2)
  // @ts-expect-error: the job takes no number
  job('keyed wrongly', (_to: string) => {}, { key: (n: number) => `${n}` })
  // What a key is made of does not say what the job takes.
  Send.with({ key: (to) => to }).defer('a@b.c', 2)
  Send.with({ key: (to: string) => to }).defer('a@b.c', 2)
  Send.with<[user: number]>({ version: 1, key: (user) => `${user}` }).defer(7)
  // @ts-expect-error: the arguments of version 1 are others
  Send.with<[user: number]>({ version: 1 }).defer('a@b.c')
  // @ts-expect-error: the job takes no number
  Send.with({ key: (n: number) => `${n}` })
  // @ts-expect-error: no such option
  Send.with({ input: withZod })
}

describe('the types of a job with a schema', () => {
  it('are those of its input in a call, and of its output in a run', () => {
    expectTypeOf(mustCompile).toBeFunction()
    expectTypeOf<InputOf<typeof withZod>>().toEqualTypeOf<[string, string]>()
    expectTypeOf<OutputOf<typeof withZod>>().toEqualTypeOf<[string, Date]>()
    expectTypeOf<InputOf<typeof withValibot>>().toEqualTypeOf<[string, string]>()
    expectTypeOf<OutputOf<typeof withValibot>>().toEqualTypeOf<[string, number]>()
    expectTypeOf<InputOf<typeof withArk>>().toEqualTypeOf<[string, string]>()
    expectTypeOf<OutputOf<typeof withArk>>().toEqualTypeOf<[string, number]>()
    expectTypeOf(job('types of input', (_to, at) => at, { input: withZod })).toEqualTypeOf<
      Job<[string, string], Date>
    >()
  })
})
