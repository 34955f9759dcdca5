import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Abilities } from './faulty-disk.ts'

/** The tools that make faults, in a folder of their own. */
export class Tools implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'afterword-chaos-tools-'))
  readonly abilities: Abilities

  constructor() {
    this.abilities = new Abilities(this.folder)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}
