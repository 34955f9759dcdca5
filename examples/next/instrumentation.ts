export { register } from 'afterword/next'
