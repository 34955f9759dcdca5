import { type EnginePackage, loadPackage } from '../engine-package.ts'
import type { Boss } from './boss.ts'

/** The earliest release that fences the end of a run: before, that of a worker which was taken for dead ends the run of another one. */
const pgBoss: EnginePackage = { name: 'pg-boss', for: 'pgBoss', least: [12, 35] }

/** Makes an instance of the package, which is loaded now. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function makeBoss(options: object): Boss {
  const { PgBoss } = loadPackage<{ PgBoss: new (options: object) => Boss }>(pgBoss)
  return new PgBoss(options)
}
