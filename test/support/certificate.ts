/**
 * A self-signed certificate for localhost, valid from 2024 to 2124, which nothing but these tests trusts.
 * Made once: `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost`, then
 * `openssl ca -selfsign -startdate 20240101000000Z -enddate 21240101000000Z` with the extensions
 * `subjectAltName=DNS:localhost,IP:127.0.0.1` and `basicConstraints=CA:TRUE`.
 */
export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoRGUIvKi64r+sDci
GV1JHT0L/txib/8zjbkS0LQEkmShRANCAATPgHzLuWNJDfVhROsIMLrurr6MH3MT
HiJS+GpbZYzev4sI5FdRUMSwah0+vMHajk19qPP0GYiAs8wVF9Qg4dJ6
-----END PRIVATE KEY-----`

export const cert = `-----BEGIN CERTIFICATE-----
MIIBZTCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjQwMTAxMDAwMDAwWhgPMjEyNDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABM+AfMu5Y0kN9WFE
6wgwuu6uvowfcxMeIlL4altljN6/iwjkV1FQxLBqHT68wdqOTX2o8/QZiICzzBUX
1CDh0nqjSzBJMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAMBgNVHRMEBTAD
AQH/MB0GA1UdDgQWBBTFdMxrar6v8Bli4WRMgACwozNSvDAKBggqhkjOPQQDAgNJ
ADBGAiEAlUV/1PZxVvotI+rsFCNmZJLzrwPpWyUEKoqQpk6F+fMCIQCRmT7i6aaC
fjZ8o25fchIepitjk26YZuQDra33JUg2Sg==
-----END CERTIFICATE-----`
