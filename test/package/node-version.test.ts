import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }

/** Runs Node as if it were another version. */
function posed(version: string, args: readonly string[]) {
  const pose = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`
  const all = ['--import', `data:text/javascript,${encodeURIComponent(pose)}`, ...args]
  const cwd = fileURLToPath(new URL('../../', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', cwd })
  return { status, stdout, stderr }
}

const tooOld = (version: string) => `Node ${version} is too old for Afterword. Use Node 22.13 or later.`

describe('Node before 22.13', () => {
  it('package.json says the same', () => {
    expect(manifest.engines.node).toBe('>=22.13')
  })

  it.each([
    ['20.20.2', 'afterword'],
    ['22.12.0', 'afterword'],
    ['20.20.2', 'afterword/express'],
    ['20.20.2', 'afterword/auto'],
  ])('on Node %s the import of %s fails with one clear line', (version, specifier) => {
    const program = `import('${specifier}').catch(({ code, message }) => console.log(code + ': ' + message))`
    const { stdout } = posed(version, ['--eval', program])
    expect(stdout).toBe(`AFTERWORD_OLD_NODE: ${tooOld(version)}\n`)
  })

  it('the command line says it in one line', () => {
    const { status, stdout, stderr } = posed('20.20.2', ['dist/cli/bin.js', '--version'])
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `${tooOld('20.20.2')}\n` })
  })

  it('Node 22.13 is not too old', () => {
    const { stdout } = posed('22.13.0', ['--eval', `import('afterword').then(() => console.log('loaded'))`])
    expect(stdout).toBe('loaded\n')
  })
})
