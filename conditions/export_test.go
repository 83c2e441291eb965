package conditions

import (
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/types/known/structpb"
)

// NewClientAttributes makes the condition of a value of its key; nil is a missing one.
func NewClientAttributes(v *structpb.Value) (pdp.Condition, error) {
	var c clientAttributesConfig
	if v != nil {
		if err := c.Attributes.UnmarshalConfig(v); err != nil {
			return nil, err
		}
	}
	return newClientAttributes(c)
}

// NewGrantType makes the condition of a list of grants.
func NewGrantType(grants ...string) (pdp.Condition, error) {
	return newGrantType(grantTypeConfig{grants})
}

// NewClientRoles makes the condition of a list of roles.
func NewClientRoles(roles ...string) (pdp.Condition, error) {
	return newClientRoles(clientRolesConfig{roles})
}
