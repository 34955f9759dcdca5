import { AfterwordError } from '../../errors.ts'
import { encode } from './encoding.ts'
import { TooLarge, Unstorable } from './unstorable.ts'

/** Makes the stored form of the arguments of a call. @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
export function encodeArgs(job: string, args: readonly unknown[], maxPayload: number): string {
  try {
    return encode(args, maxPayload)
  } catch (error) {
    if (error instanceof TooLarge)
      throw new AfterwordError('AFTERWORD_PAYLOAD_TOO_LARGE', [job, error.bytes, 'maxPayload', maxPayload])
    if (!(error instanceof Unstorable)) throw error
    const { what, path, cause } = error
    throw new AfterwordError('AFTERWORD_NOT_STORABLE', [job, what, path], cause === undefined ? {} : { cause })
  }
}
