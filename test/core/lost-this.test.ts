import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

class Mailer {
  readonly transport = { post: (mail: string) => mail }
  #sent = 0
  mails: string[] | undefined

  send(mail: string): string {
    return this.transport.post(mail)
  }

  async sendLater(mail: string): Promise<string> {
    await Promise.resolve()
    return this.transport.post(mail)
  }

  count(): number {
    return ++this.#sent
  }

  keep(mail: string): void {
    this.mails = [mail]
  }

  unpack(): unknown {
    const { transport } = this
    return transport
  }

  flush(mails: string[]): void {
    for (const mail of mails) this.send(mail)
  }
}
const mailer = new Mailer()

/** The functions that lack their object, by the name that the report has to give. */
const methods: [name: string, fn: (...args: never[]) => unknown][] = [
  ['send', mailer.send],
  ['sendLater', mailer.sendLater],
  ['count', mailer.count],
  ['keep', mailer.keep],
  ['unpack', mailer.unpack],
  ['set', new Map<string, string>().set],
  ['abort', new AbortController().abort],
  ['append', new URLSearchParams().append],
]

describe('a method that was passed without its object', () => {
  it.each(methods)('defer: the report names "%s", and what to pass', async (name, fn) => {
    using reports = new Reports()
    await using afterword = new Afterword()
    await afterword.defer(fn as (...args: string[]) => unknown, 'a', 'b').outcome
    expect(reports.all[0]?.error.message).toContain(
      `in attempt 1: "${name}" was passed without its object, and "this" is undefined in it. Pass (...args) => object.${name}(...args), or object.${name}.bind(object). `,
    )
  })

  it('job: the report names the method, with an input and without', async () => {
    using reports = new Reports()
    await using afterword = new Afterword()
    await afterword.job('plain', mailer.send, { retries: 0 }).defer('a').outcome
    await afterword.job('checked', mailer.send, { retries: 0, input: z.tuple([z.string()]) }).defer('a').outcome
    expect(reports.all.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('"send" was passed without its object'),
      expect.stringContaining('"send" was passed without its object'),
    ])
  })

  it('batch, onShutdown: the report names the method', async () => {
    using reports = new Reports()
    const afterword = new Afterword()
    afterword.onShutdown(mailer.count)
    await afterword.batch('flush', mailer.flush, { retries: 0 }).defer('a').outcome
    await afterword.close()
    expect(reports.all.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('"flush" was passed without its object'),
      expect.stringContaining('"count" was passed without its object'),
    ])
  })

  it.each<[string, () => unknown]>([
    ['an arrow function', () => (undefined as unknown as { transport: unknown }).transport],
    [
      'a function whose this is not to blame',
      function read(this: unknown) {
        return [this, (undefined as unknown as { other: unknown }).other]
      },
    ],
    [
      'another error',
      () => {
        throw new Error('no disk')
      },
    ],
    ['a bound method', new Mailer().flush.bind(mailer, undefined as never)],
  ])('is told from %s', async (_, fn) => {
    using reports = new Reports()
    await using afterword = new Afterword()
    await afterword.defer(fn).outcome
    expect(reports.all[0]?.error.message).toMatch(/in attempt 1\. The cause is attached/)
  })
})

describe('defer of a call, defer(save())', () => {
  it('the error asks whether the function itself was meant', async () => {
    await using afterword = new Afterword()
    const save = async () => {}
    expect(() => afterword.defer(save() as unknown as () => void)).toThrow(
      'defer expects a function, got a promise. Did you mean defer(save) instead of defer(save())?',
    )
  })
})
