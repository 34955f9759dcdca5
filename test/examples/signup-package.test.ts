import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

interface Lock {
  readonly packages: Record<string, { version: string; optional?: boolean }>
}

const json = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))
const lock: Lock = json('examples/signup/package-lock.json')
const { '': own, ...packages } = lock.packages

it('the sign-up example is set up by few packages', () => {
  // Vite, which builds the page of the dashboard from its source, has a part in machine code for each system, of which one is installed.
  const needed = Object.values(packages).filter(({ optional }) => optional !== true)
  expect(needed.length).toBeLessThanOrEqual(90)
})

it('the sign-up example asks for what its package.json says, in the versions that the tests use', () => {
  const { dependencies, devDependencies } = json('examples/signup/package.json')
  expect(own).toMatchObject({ dependencies, devDependencies })
  const root: Lock = json('package-lock.json')
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    const path = `node_modules/${name}`
    expect([name, packages[path]?.version]).toEqual([name, root.packages[path]?.version])
  }
})
