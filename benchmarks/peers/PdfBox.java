// PDFBox with Bouncy Castle at B-T: signs FOLDER/SIZE.pdf RUNS times, each time anew from its bytes; prints the least ms.
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.*;
import org.bouncycastle.asn1.*;
import org.bouncycastle.asn1.cms.*;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.jcajce.*;
import org.bouncycastle.tsp.*;

public class PdfBox {
    static byte[] token(String url, byte[] signature) throws Exception {
        byte[] imprint = MessageDigest.getInstance("SHA-256").digest(signature);
        TimeStampRequestGenerator generator = new TimeStampRequestGenerator();
        generator.setCertReq(true);
        TimeStampRequest request = generator.generate(TSPAlgorithms.SHA256, imprint, new java.math.BigInteger(63, new Random()));
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "application/timestamp-query");
        try (OutputStream out = connection.getOutputStream()) { out.write(request.getEncoded()); }
        try (InputStream in = connection.getInputStream()) {
            TimeStampResponse response = new TimeStampResponse(in.readAllBytes());
            response.validate(request);
            return response.getTimeStampToken().getEncoded();
        }
    }

    static byte[] sign(InputStream content, PrivateKey key, java.security.cert.Certificate[] chain, String url) throws Exception {
        X509Certificate own = (X509Certificate) chain[0];
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().build())
            .build(new JcaContentSignerBuilder("SHA256withRSA").build(key), own));
        generator.addCertificates(new JcaCertStore(Arrays.asList(chain)));
        CMSSignedData signed = generator.generate(new CMSProcessableByteArray(content.readAllBytes()), false);
        SignerInformation one = signed.getSignerInfos().getSigners().iterator().next();
        ASN1EncodableVector attributes = new ASN1EncodableVector();
        attributes.add(new Attribute(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken,
            new DERSet(ASN1Primitive.fromByteArray(token(url, one.getSignature())))));
        SignerInformation stamped = SignerInformation.replaceUnsignedAttributes(one, new AttributeTable(attributes));
        return CMSSignedData.replaceSigners(signed, new SignerInformationStore(stamped)).getEncoded();
    }

    public static void main(String[] args) throws Exception {
        String folder = args[0], url = args[2];
        byte[] data = Files.readAllBytes(Path.of(folder, args[1] + ".pdf"));
        KeyStore store = KeyStore.getInstance("PKCS12");
        char[] passphrase = "benchmark".toCharArray();
        try (InputStream in = Files.newInputStream(Path.of(folder, "key.p12"))) { store.load(in, passphrase); }
        String alias = store.aliases().nextElement();
        PrivateKey key = (PrivateKey) store.getKey(alias, passphrase);
        java.security.cert.Certificate[] chain = store.getCertificateChain(alias);
        double least = Double.MAX_VALUE;
        for (int run = 0; run <= Integer.parseInt(args[3]); run++) {
            Path out = Path.of(folder, "pdfbox.out");
            long began = System.nanoTime();
            PDDocument document = PDDocument.load(new ByteArrayInputStream(data));
            PDSignature signature = new PDSignature();
            signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
            signature.setSubFilter(PDSignature.SUBFILTER_ETSI_CADES_DETACHED);
            signature.setSignDate(Calendar.getInstance());
            SignatureOptions options = new SignatureOptions();
            options.setPreferedSignatureSize(20000);
            document.addSignature(signature, content -> {
                try { return sign(content, key, chain, url); } catch (Exception error) { throw new IOException(error); }
            }, options);
            try (OutputStream to = new FileOutputStream(out.toFile())) {
                to.write(data);
                document.saveIncremental(new ByteArrayInputStream(data), to);
            }
            document.close();
            if (run > 0) least = Math.min(least, (System.nanoTime() - began) / 1e6);
        }
        System.out.println(least);
    }
}
