package kernel

import (
	"runtime"
	"strings"

	"braid/kernel/internal/protocol"
)

// features are the supported_features (JEP 92) of this kernel: only what is true.
var features = []string{"kernel subshells"}

func (k *kernel) kernelInfo(r *request) (protocol.Reply, error) {
	return protocol.NewKernelInfoReply(kernelInfo(k.options.Version)), nil
}

func kernelInfo(version string) protocol.KernelInfo {
	goVersion := strings.TrimPrefix(runtime.Version(), "go")
	return protocol.KernelInfo{
		ProtocolVersion:       protocol.Version,
		Implementation:        "braid",
		ImplementationVersion: version,
		LanguageInfo: protocol.LanguageInfo{
			Name:              "go",
			Version:           goVersion,
			Mimetype:          "text/x-go",
			FileExtension:     ".go",
			PygmentsLexer:     "go",
			CodemirrorMode:    "go",
			NbconvertExporter: "script",
		},
		Banner: "Braid " + version + ": Go " + goVersion + " in Jupyter",
		HelpLinks: []protocol.HelpLink{
			{Text: "A tour of Go", URL: "https://go.dev/tour/"},
			{Text: "Go language specification", URL: "https://go.dev/ref/spec"},
			{Text: "Go standard library", URL: "https://pkg.go.dev/std"},
			{Text: "Effective Go", URL: "https://go.dev/doc/effective_go"},
		},
		SupportedFeatures: features,
	}
}

func (k *kernel) connect(r *request) (protocol.Reply, error) {
	return protocol.NewConnectReply(k.info.ports()), nil
}
