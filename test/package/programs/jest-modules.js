// The tests of an app in ES modules, as Jest runs them with --experimental-vm-modules; copied to `b.test.mjs` in a project of its own.
import { configure, job } from 'afterword'
import { flush } from 'afterword/testing'

configure({ journal: process.env.JOURNAL })

test('a job that is kept', async () => {
  const sent = []
  const Send = job('send-module', (to) => void sent.push(to))
  Send.defer('deferred')
  await flush()
  expect(sent).toEqual(['deferred'])
})
