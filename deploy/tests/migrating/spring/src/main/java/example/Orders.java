package example;

import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A service that answers with whom it takes the caller for, under the names of the headers. */
@SpringBootApplication
@RestController
public class Orders {
    public static void main(String[] arguments) {
        SpringApplication.run(Orders.class, arguments);
    }

    @GetMapping("/**")
    Map<String, String> caller(@AuthenticationPrincipal Jwt token) {
        Map<String, String> caller = new TreeMap<>();
        if (token != null) {
            caller.put("x-auth-subject", token.getSubject());
            if (token.hasClaim("scope")) {
                caller.put("x-auth-scope", token.getClaimAsString("scope"));
            }
        }
        return caller;
    }
}
