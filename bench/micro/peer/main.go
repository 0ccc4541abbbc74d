// How fast the parser of Prometheus reads the text format, beside BM_ParseExpecting: series are not taken apart, as in a
// scrape of a target that is known. Takes the files of bodies; prints megabytes per second of CPU time.
package main

import (
	"fmt"
	"os"
	"syscall"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func cpu() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

func main() {
	var bodies [][]byte
	total := 0
	for _, f := range os.Args[1:] {
		b, err := os.ReadFile(f)
		if err != nil {
			panic(err)
		}
		bodies = append(bodies, b)
		total += len(b)
	}
	st := labels.NewSymbolTable()
	begin := cpu()
	n, samples := 0, 0
	for cpu()-begin < 5 {
		for _, b := range bodies {
			p := textparse.NewPromParser(append([]byte(nil), b...), st, false)
			for {
				e, err := p.Next()
				if err != nil {
					break
				}
				if e == textparse.EntrySeries {
					p.Series()
					samples++
				}
			}
		}
		n++
	}
	used := cpu() - begin
	fmt.Printf("%.1f MB/s, %d samples\n", float64(total)*float64(n)/used/1e6, samples/n)
}
