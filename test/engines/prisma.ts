import { Buffer } from 'node:buffer'
import { PrismaPg } from '@prisma/adapter-pg'
import { type GetPrismaClientConfig, getPrismaClient } from '@prisma/client/runtime/client'

/** The part of a client of Prisma that statements in a transaction need. */
interface Prisma {
  $connect(): Promise<void>
  $disconnect(): Promise<void>
  $executeRawUnsafe(query: string, ...values: unknown[]): Promise<number>
  $queryRawUnsafe<T>(query: string, ...values: unknown[]): Promise<T>
  $transaction<R>(fn: (tx: PrismaTransaction) => Promise<R>): Promise<R>
}

type PrismaTransaction = Omit<Prisma, '$connect' | '$disconnect' | '$transaction'>

/** The types of Node leave the name a namespace. */
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => never } }

/**
 * A client of Prisma without models: its own runtime, compiler and driver adapter. `prisma generate` writes the same configuration into a file,
 * and is no part of the tests, for it loads programs from elsewhere.
 */
export async function connectPrisma(connectionString: string): Promise<Prisma> {
  const config: GetPrismaClientConfig = {
    previewFeatures: [],
    clientVersion: '7.10.0',
    engineVersion: '0000000000000000000000000000000000000000',
    activeProvider: 'postgresql',
    inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
    runtimeDataModel: { models: {}, enums: {}, types: {} },
    // A graph without nodes: its numbers are all 0.
    parameterizationSchema: { strings: [], graph: Buffer.alloc(8).toString('base64') },
    compilerWasm: {
      getRuntime: async () => import('@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs' as string),
      getQueryCompilerWasmModule: async () => {
        const { wasm } = await import(
          '@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs' as string
        )
        return new WebAssembly.Module(Buffer.from(wasm, 'base64'))
      },
      importName: './query_compiler_fast_bg.js',
    },
  }
  const Client = getPrismaClient(config) as unknown as new (options: object) => Prisma
  const prisma = new Client({ adapter: new PrismaPg({ connectionString }) })
  await prisma.$connect()
  return prisma
}
