// iText 5 looks at PDFs: every signature's bytes, then the whole chain of revisions by its LtvVerifier, offline.
// Ltv ROOTS FILE… → for each file a line: "ok" and how much was verified, or "refused" and what is wrong.
import com.itextpdf.text.pdf.AcroFields;
import com.itextpdf.text.pdf.PdfReader;
import com.itextpdf.text.pdf.security.*;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

public class Ltv {
    public static void main(String[] args) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        KeyStore roots = trusting(args[0]);
        for (int i = 1; i < args.length; i++) {
            try {
                System.out.println("ok " + verified(args[i], roots));
            } catch (Exception error) {
                System.out.println("refused " + error.toString().replace('\n', ' '));
            }
        }
    }

    static KeyStore trusting(String root) throws Exception {
        KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
        roots.load(null);
        try (FileInputStream in = new FileInputStream(root)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(in))
                roots.setCertificateEntry("root " + roots.size(), one);
        }
        return roots;
    }

    static int verified(String file, KeyStore roots) throws Exception {
        PdfReader reader = new PdfReader(file);
        AcroFields fields = reader.getAcroFields();
        List<String> names = fields.getSignatureNames();
        for (String name : names) {
            if (!fields.verifySignature(name).verify()) throw new SecurityException(name);
        }
        if (!fields.signatureCoversWholeDocument(names.get(names.size() - 1))) throw new SecurityException("end");
        LtvVerifier verifier = new LtvVerifier(reader);
        verifier.setRootStore(roots);
        verifier.setOnlineCheckingAllowed(false);
        verifier.setVerifyRootCertificate(false);
        verifier.setCertificateOption(LtvVerification.CertificateOption.WHOLE_CHAIN);
        List<VerificationOK> found = new ArrayList<>();
        verifier.verify(found);
        // Without a CRL at hand the verifier is content with the root; here each signature must have been held to one.
        long held = found.stream().filter(one -> one.toString().contains("CRLVerifier")).count();
        if (held < names.size()) throw new SecurityException("CRLs: " + held);
        return found.size();
    }
}
