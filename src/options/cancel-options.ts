import { isText, type Rules, validate } from './validate.ts'

const cancelRules: Rules<{ readonly key: string }> = {
  key: { default: '', required: true, expected: 'a non-empty string', accepts: isText },
}

/** Checks what is to be cancelled. @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION` */
export function validateCancel(place: string, given: { readonly key: string }): { readonly key: string } {
  return validate(place, cancelRules, given)
}
