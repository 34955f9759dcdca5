import { AfterwordError, describe } from '../errors.ts'
import type { SchemaIssue, StandardSchema } from '../options/standard-schema.ts'
import { Retry } from '../task/retry.ts'

type Types<S extends StandardSchema> = NonNullable<S['~standard']['types']>
/**
 * The arguments that a call of the job takes.
 *
 * @example
 * const input = z.tuple([z.coerce.date()])
 * type Arguments = InputOf<typeof input> // what `defer` takes
 */
export type InputOf<S extends StandardSchema> = Extract<Types<S>['input'], unknown[]>
/**
 * The arguments that the handler gets.
 *
 * @example
 * const input = z.tuple([z.coerce.date()])
 * type Arguments = OutputOf<typeof input> // [Date]
 */
export type OutputOf<S extends StandardSchema> = Extract<Types<S>['output'], unknown[]>

/** Validates arguments. @returns the arguments as the schema makes them @throws AfterwordError `AFTERWORD_INVALID_INPUT`, `AFTERWORD_ASYNC_INPUT` */
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

/** Validates the arguments of a call that runs: arguments that do not fit now will not fit later. @throws Retry */
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
