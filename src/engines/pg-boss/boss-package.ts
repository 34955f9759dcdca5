import { type EnginePackage, loadPackage, missing } from '../engine-package.ts'
import type { Boss, BossDatabase } from './boss.ts'

/** The earliest release that fences the end of a run: before, that of a worker which was taken for dead ends the run of another one. */
const pgBoss: EnginePackage = { name: 'pg-boss', for: 'pgBoss', least: [12, 35] }

/** Makes an instance of the package, which is loaded now. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function makeBoss(options: object): Boss {
  const { PgBoss } = loadPackage<{ PgBoss: new (options: object) => Boss }>(pgBoss)
  return new PgBoss(options)
}

/** Loads the adapters of pg-boss, which make the transaction of another library a connection. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function adapters(): Record<'fromKnex' | 'fromKysely' | 'fromPrisma', (tx: object) => BossDatabase> {
  return loadPackage(pgBoss)
}

/**
 * Takes an instance of the app's own. An instance does not tell its version: the method `isTimekeeping` came with the earliest one that will do.
 * @throws AfterwordError `AFTERWORD_ENGINE_MISSING`
 */
export function checkBoss(boss: Boss): Boss {
  if (typeof (boss as { isTimekeeping?: unknown }).isTimekeeping === 'function') return boss
  throw missing(pgBoss, 'the instance is of an earlier one')
}
