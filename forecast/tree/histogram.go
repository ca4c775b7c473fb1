package tree

const (
	// binsPerFeature is the number of entries of a feature in a histogram, that of missing values included.
	binsPerFeature = 256
	// countBits is the number of low bits of a histogram entry that count rows; the bits above hold a signed sum.
	countBits = 24
	countMask = 1<<countBits - 1
	// sumBits is the number of bits that a sum may use, its sign aside.
	sumBits = 63 - countBits
	// mostRows is the number of rows that a histogram can count.
	mostRows = countMask
)

// pack returns the histogram entry of one row of gradient g.
func pack(g int64) int64 { return g<<countBits + 1 }

// unpack returns the sum and the count of a histogram entry.
func unpack(h int64) (sum, count int64) { return h >> countBits, h & countMask }

// eight is the histogram of the features of an octet.
type eight = [octet * binsPerFeature]int64

// histogram holds the entries of all octets.
type histogram []eight

// add adds the rows to h, gradients[k] being the entry of rows[k].
func (h histogram) add(m *matrix, rows []int32, gradients []int64) {
	for q := range h {
		if m.cols-q*octet <= octet/2 {
			addQuartet(&h[q], m.words[q], rows, gradients)
			continue
		}
		addOctet(&h[q], m.words[q], rows, gradients)
	}
}

// addOctet is the loop that training spends most of its time in. Its tables are of fixed size and its indices bytes, so that no bound
// is checked but that of words.
func addOctet(h *eight, words []uint64, rows []int32, gradients []int64) {
	gradients = gradients[:len(rows)]
	for k, i := range rows {
		w, g := words[i], gradients[k]
		h[uint8(w)] += g
		h[1*binsPerFeature+int(uint8(w>>8))] += g
		h[2*binsPerFeature+int(uint8(w>>16))] += g
		h[3*binsPerFeature+int(uint8(w>>24))] += g
		h[4*binsPerFeature+int(uint8(w>>32))] += g
		h[5*binsPerFeature+int(uint8(w>>40))] += g
		h[6*binsPerFeature+int(uint8(w>>48))] += g
		h[7*binsPerFeature+int(w>>56)] += g
	}
}

// addQuartet is addOctet for the last octet where it has at most four features.
func addQuartet(h *eight, words []uint64, rows []int32, gradients []int64) {
	gradients = gradients[:len(rows)]
	for k, i := range rows {
		w, g := words[i], gradients[k]
		h[uint8(w)] += g
		h[1*binsPerFeature+int(uint8(w>>8))] += g
		h[2*binsPerFeature+int(uint8(w>>16))] += g
		h[3*binsPerFeature+int(uint8(w>>24))] += g
	}
}

// subtract takes b off h.
func (h histogram) subtract(b histogram) {
	for q := range h {
		x, y := &h[q], &b[q]
		for i := range x {
			x[i] -= y[i]
		}
	}
}

// feature returns the entries of feature j.
func (h histogram) feature(j int) *[binsPerFeature]int64 {
	return (*[binsPerFeature]int64)(h[j/octet][(j%octet)*binsPerFeature:])
}
