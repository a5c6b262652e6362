// Empty: lets the compiler accept the body-less, linknamed functions of runtime.go.
