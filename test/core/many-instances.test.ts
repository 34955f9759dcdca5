import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'

test('more instances than an emitter has listeners without a warning share the listeners of the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-many-'))
  const warnings: Error[] = []
  const warned = (warning: Error) => void (warning.name === 'AtTheEnd' || warnings.push(warning))
  process.on('warning', warned)
  const make = (i: number) => {
    const afterword = new Afterword({ journal: join(folder, String(i)), worker: false })
    afterword.onShutdown(() => {})
    return afterword
  }
  const instances = Array.from({ length: EventEmitter.defaultMaxListeners + 2 }, (_, i) => make(i))
  await Promise.all(instances.map((afterword) => afterword.job('any', () => {}).dispatch()))
  await Promise.all(instances.map((afterword) => afterword.close()))
  // Warnings come in their order: those of before were emitted when this one is.
  const last = once(process, 'warning')
  process.emitWarning('That was all.', 'AtTheEnd')
  await last
  process.off('warning', warned)
  rmSync(folder, { recursive: true })
  expect(warnings).toEqual([])
})
