import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A file of the project. */
export interface SourceFile {
  /** The path from the project's root. */
  readonly path: string
  readonly text: string
}

/** Lists the TypeScript files of a folder, and of the folders in it. */
export function filesIn(folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules') && !path.includes('.next'))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))
}

/** Lists the files of the project that a file imports: values and types, at once and on demand. */
export function importsOf({ path, text }: SourceFile): string[] {
  const specifiers = text.matchAll(/(?:from|import|import\(|load\() ?'(\.[^']*)'/g)
  return Array.from(specifiers, ([, specifier = '']) => {
    const target = join(dirname(path), specifier)
    return /\.tsx?$/.test(target) || target.endsWith('.json') ? target : `${target}.ts`
  })
}
