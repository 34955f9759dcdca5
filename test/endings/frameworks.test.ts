import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { App } from './app.ts'

const file = fileURLToPath(new URL('programs/pools.ts', import.meta.url))

const nestHooks = ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown']
const frameworks = [
  { framework: 'fastify', hooks: ['onClose'], closings: ['close', 'onShutdown'] },
  { framework: 'nest on express', hooks: nestHooks, closings: ['close', 'onShutdown', 'hooks', 'hooks and signals'] },
  { framework: 'nest on fastify', hooks: nestHooks, closings: ['close', 'hooks'] },
]
const cases = frameworks.flatMap(({ framework, hooks, closings }) =>
  closings.flatMap((closing) => hooks.map((hook) => ({ framework, hook, closing }))),
)

describe.each(cases)(
  'a pool that is closed in $hook, $framework, closed by $closing',
  ({ framework, hook, closing }) => {
    test('is open for tasks: the drain comes first', async () => {
      const command = (node: string) => [node, '--disable-warning=ExperimentalWarning', file, framework, hook, closing]
      await using app = await App.start({ command, request: true })
      app.kill(closing === 'close' ? 'SIGUSR2' : 'SIGTERM')
      await app.stoppedListening()
      app.gate.release()
      // Nest raises the signal again, which ends a process that leaves signals to it.
      expect(await app.exited).toBe(closing === 'hooks' ? null : 0)
      expect(app.gate.visits.slice(1)).toEqual(['held mail ended', 'mail is stored', 'pool closed'])
    })
  },
)
