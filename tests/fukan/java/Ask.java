// Asks a time stamping authority with BouncyCastle: java -cp … Ask.java URL ROOT.cer
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.math.BigInteger;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;

public class Ask {
    public static void main(String[] words) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        byte[] digest = MessageDigest.getInstance("SHA-256").digest("data".getBytes("UTF-8"));
        TimeStampRequestGenerator asking = new TimeStampRequestGenerator();
        asking.setCertReq(true);
        TimeStampRequest query = asking.generate(NISTObjectIdentifiers.id_sha256, digest, BigInteger.valueOf(42));
        HttpRequest request = HttpRequest.newBuilder(URI.create(words[0]))
            .header("Content-Type", "application/timestamp-query")
            .POST(HttpRequest.BodyPublishers.ofByteArray(query.getEncoded()))
            .build();
        byte[] body = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray()).body();
        TimeStampResponse response = new TimeStampResponse(body);
        response.validate(query);
        Object found = response.getTimeStampToken().getCertificates()
            .getMatches(response.getTimeStampToken().getSID()).iterator().next();
        X509CertificateHolder signer = (X509CertificateHolder) found;
        response.getTimeStampToken().validate(
            new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(signer));
        X509Certificate root = (X509Certificate) CertificateFactory.getInstance("X.509")
            .generateCertificate(new FileInputStream(words[1]));
        CertificateFactory.getInstance("X.509");
        ((X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(
            new java.io.ByteArrayInputStream(signer.getEncoded()))).verify(root.getPublicKey());
        System.out.println("status " + response.getStatus());
    }
}
