import { AfterwordError, describe } from '../errors.ts'
import { Retry } from '../task/retry.ts'

/** What validates: the schemas of zod, valibot, arktype and others have it. Its definition: https://standardschema.dev */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type Types<S extends StandardSchema> = NonNullable<S['~standard']['types']>
/** What a call of the job takes. */
export type InputOf<S extends StandardSchema> = Extract<Types<S>['input'], unknown[]>
/** What its handler gets. */
export type OutputOf<S extends StandardSchema> = Extract<Types<S>['output'], unknown[]>

/** The arguments as the schema makes them. @throws AfterwordError `AFTERWORD_INVALID_INPUT`, `AFTERWORD_ASYNC_INPUT` */
export function checkInput(schema: StandardSchema, job: string, args: readonly unknown[]): readonly unknown[] {
  const result = schema['~standard'].validate(args)
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new AfterwordError('AFTERWORD_ASYNC_INPUT', [job])
  }
  if (result.issues !== undefined) {
    throw new AfterwordError('AFTERWORD_INVALID_INPUT', [job, result.issues.map(textOf).join('; ')])
  }
  if (Array.isArray(result.value)) return result.value
  throw new AfterwordError('AFTERWORD_INVALID_INPUT', [job, `it makes ${describe(result.value)} of them, and no list`])
}

/** The same for a call that is run: what does not fit now will not fit later. @throws Retry */
export function runInput(schema: StandardSchema, job: string, args: readonly unknown[]): readonly unknown[] {
  try {
    return checkInput(schema, job, args)
  } catch (cause) {
    throw Retry.never((cause as Error).message, { cause })
  }
}

function textOf({ message, path = [] }: SchemaIssue): string {
  const place = path.map((part) => `[${String(typeof part === 'object' ? part.key : part)}]`).join('')
  return place === '' ? message : `${message} at ${place}`
}
