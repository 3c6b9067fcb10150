//! Vectors of detached signatures as OCEN's participants write them, one per dialect, all by one
//! key over one body.

/// The participant's public key, as a registry has it.
pub(crate) const PARTICIPANT_JWK: &str = r#"{"kty":"RSA","use":"sig","alg":"RS256","kid":"3c6d6a7e-5b0a-4d1e-9c0f-0a1b2c3d4e5f","n":"nW4bR93xYvtFuX7FN_gHZ5KIl_bqalSlffrFpArkHPjTj6-rFQuuzsDrtzhWOK09D5tVEevLR3xOOAsrzY_l2C1-lSa8KHy3WiO0vynvJ7yurtRlArWCBiX6zn-0nvvyfN_0TZ7t-gg4mcdBK27qGNkusA_NNwD7D5MNWspgd_lwBAbnC_isJ0qydNb3Jj1Qc4xn-oMf0OFRkCvfKo6oJg3L-MmrrA1EGkhqYNt5pJmcZxWAw0IVQIEEr5G03beqth3iP9y17CZm9hUGtE6Wq26R6C-tf9SEQ573C8w-VPtfCuCwlZgVBUFAzD2wVIR7qio30sV4q6pMqSEcfA4cCw","e":"AQAB"}"#;

/// The body that was signed.
pub(crate) const BODY: &str = r#"{"metadata":{"version":"4.0.0alpha","originatorOrgId":"org-1","originatorParticipantId":"3051","timestamp":"2026-01-02T03:04:05.000Z","traceId":"669a22c2-73dd-4bfe-b51e-d71fb473fd54","requestId":"6494d8d0-a0a7-4ead-89f2-88a5640a5548"},"productData":{"productId":"3101","productNetworkId":"3151"},"loanApplications":[{"loanApplicationId":"app-1"}]}"#;

/// RFC 7797, as Sahamati and finvu write it.
pub(crate) const A_RFC7797: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjNjNmQ2YTdlLTViMGEtNGQxZS05YzBmLTBhMWIyYzNkNGU1ZiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..Zo4FH2E9svQ3zuSIpTzkb86lXDHJC4KWEbBjsyK5s5A6GqzucGU-UXAI7OeT3GESFk_-lp-knIOwqeSEas5beYxBOjgKBkCStFHuDTVouKaYF2tyske6rIXMpZnl-nZH6OE95AT9JkFEQLIToG81i5YbqwLLBi7iS34LYtH2dCcXO4U5oFbuSU3GJ-utv_QuhVpkXLmcFsBCgka-MztJr1IZrJzBLpKQBqV6Z10jYf8va7-gYodVOaUICOV6NTlL434NwIhmizvb0kNz39WTgwY7K9N9bJEU2p6d-h2I4N4VbSkQWLAfxzK_H0ZLySqP1J5zxasNE2I3O8ttQycHaw";

/// Without `crit`, as OCEN's reference code and `ReBIT`'s FAQ have it.
pub(crate) const B_WITHOUT_CRIT: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjNjNmQ2YTdlLTViMGEtNGQxZS05YzBmLTBhMWIyYzNkNGU1ZiIsImI2NCI6ZmFsc2V9..MPDNpgwo05sZYvIriipcrBjI0lSuxiTxxtCl7tOzkPHh43Gd3YYtC1l9gphoy1BSt2AsNABXovURUXeOPwMRfGVah6qOFBIMHKIpcCSQFZIf6Cnl4-Vv9FAe2v4uSltERYKejJ8frF1LVzAFu3jQeK3CGHp6kC5xXuhHYL4E6ooibZh0fiYXN7nVmqAu7NeShk3pYo3n_1k25qbwlivBUL5fkRKfT4tJA1_-U7m-Vk33_Dvwh9Nb7ATdXbgRNQnbmjLguy2H911e2zlh0r2DRddutrE2oElp4L-3lZxPdK38FcnkV6agvlosiiOwPzKjkDC4L-QCZKPtIoYCmvytFw";

/// RFC 7515 appendix F, as Setu writes it.
pub(crate) const C_DETACHED: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjNjNmQ2YTdlLTViMGEtNGQxZS05YzBmLTBhMWIyYzNkNGU1ZiJ9..RKQy4axv4WqyqdKB-qzSZCx5AjqAPp41YVyfJRRhqc1Xreu_1CtrG1j2VVSpRAn4Tp72HPv30BrrZENao0yWXL9McPYVyGLgzl6RyHqRNrvQq1iX15lX_fABOcUgsWHjUZVfnVPeIflN5EydamttOI4hcSFA7yr3ZLcTwt45op0JjlLtwvRWuCUzcvX2rP75b8TSwrj3IwkSF-_eyX6gjAifWZ8JC4dtJ6rFZkkcTeh8msbMs_0ZW9rLENcYVXlmJ8Cq4KR-B-Djeg3j509jckZbu8KQMRd9CaWD5dqRT4TtkLsZwMgYebbw9cnIB2nTkdZT3T2Z0ihlN----3N-kg";

/// Header and signature only, as one implementation of OCEN writes it.
pub(crate) const D_TWO_PART: &str = "eyJhbGciOiJSUzI1NiJ9.c3R7YiSzRbz3OF9twya1eh9fKs1IZH7O9Y3Kgl_t7dlXoWiqih_RW08jRRRqdHA-rgxG1gU91veRnyPUl6NOTMoOxG7th2HjE28LBhxm_3logadszUiOUy9OtPilhszjfNw8691fyW4Uo1hqIut1VoKSI2xptCulbyOO4KBQuGBUbZeXbYWAsSCLej-YRbFF-Fo8i9MaMchV82oPP8wzuNYplYwBdSc1UvemcVMrGch-ea9wVKVkixw2yAaBO-OKSKTg_GTc5UtadLvp8HwHzGBq7LiQJyaWQw_5ZN_yu-UNGmiDn9UA3OHZ8WAdQ-oqjjbuWucSxlTrNaPvKIiWew";

/// Over the path [`E_PATH`] of a request without a body; `b64` is false without `crit`.
pub(crate) const E_PATH_SIGNATURE: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjNjNmQ2YTdlLTViMGEtNGQxZS05YzBmLTBhMWIyYzNkNGU1ZiIsImI2NCI6ZmFsc2V9..R5eKa2cZzftqotE23vj4iNMSZNwh4ACqKXnHnhfPh74f-6OYLshMgV-jtboGn99j-jeha5tTIosBImyb65Eqz3-csuwp3QM7SjPCJMFglgZ3ng0_ExxzjHLqaiMVhHWAz7GULOuFsJ_5fPw5M2wje2fI0jE8KIMA9YYZcmz0ccbkPYVk18MbPlIxZwh6JDXIREyJ8e3Me1yv1yM_J-N0mNLSUpksQyOaw3pVqiTqdO6AeKe-uwg5LNr6D9hnhovnu895EM-M5p_N7ptYNsz3OijZmZxVXvuB9LOAbS-7AF07WmHAT2obEGxeeUIrq7k8785xUXmaNP2Wut96TL1c2g";

/// What [`E_PATH_SIGNATURE`] is over.
pub(crate) const E_PATH: &str = "/participant-roles/3051";
