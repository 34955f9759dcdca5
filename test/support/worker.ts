import { fileURLToPath } from 'node:url'
import { Miniflare, type WorkerOptions } from 'miniflare'
import { rolldown } from 'rolldown'

/** A worker in `workerd`: what the file exports by that name, bundled for it. */
export async function startWorker(file: URL, name: string, options: Partial<WorkerOptions> = {}): Promise<Miniflare> {
  return new Miniflare({
    modules: true,
    script: await bundle(fileURLToPath(file), name),
    compatibilityDate: '2026-07-01',
    compatibilityFlags: ['nodejs_compat'],
    handleRuntimeStdio: () => {},
    ...options,
  } as ConstructorParameters<typeof Miniflare>[0])
}

export async function bundle(file: string, name: string): Promise<string> {
  const build = await rolldown({
    input: 'entry',
    external: /^(node|cloudflare):/,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? id : null),
        load: (id) => (id === 'entry' ? `export { ${name} as default } from ${JSON.stringify(file)}` : null),
      },
    ],
  })
  const { output } = await build.generate({ format: 'esm' })
  return output[0].code
}
