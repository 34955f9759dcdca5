import type { TestEvent } from 'node:test/reporters'

/** Reports the tests of `node:test` one a line, as JSON: their names with those of their suites, and whether they passed. */
export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = []
  for await (const event of events) {
    if (event.type === 'test:start') path[event.data.nesting] = event.data.name
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { nesting, name } = event.data
    yield `${JSON.stringify([[...path.slice(0, nesting), name].join(' > '), event.type === 'test:pass'])}\n`
  }
}
